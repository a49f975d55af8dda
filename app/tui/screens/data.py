"""Data & Features: can I trust it? A tab each for sources, their data, and features."""

from typing import ClassVar

from app.tui.screens.data_sources import SourcesTab
from app.tui.screens.features import FeaturesTab
from app.tui.screens.tabs import Tab, TabbedScreen


class DataScreen(TabbedScreen):
    """The data half, then the features half."""

    place: ClassVar[str] = "data"
    AUTO_FOCUS = "#sources"
    tabs: ClassVar[tuple[type[Tab], ...]] = (SourcesTab, FeaturesTab)

    def do_data_run(self) -> None:
        """Ingest; a tab may have something nearer to run."""
        chosen = getattr(self.front.body, "source", None)
        project = getattr(chosen, "project", None) or self.control.only_project()
        if project is not None:
            self.control.start_act(
                self.control.acts.request(project, "ingest"), done=f"ingest of {project} requested; 3 shows it"
            )
