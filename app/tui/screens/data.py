"""Data & Features: can I trust it? A tab each for sources, their data, and features."""

from typing import ClassVar

from app.tui.dialogs.data import Form, ask
from app.tui.dialogs.dialog import fact
from app.tui.screens.data_contract import ContractTab
from app.tui.screens.data_quarantine import QuarantineTab
from app.tui.screens.data_snapshots import ProfileTab, SnapshotsTab
from app.tui.screens.data_sources import SourcesTab
from app.tui.screens.data_tickets import TicketsTab
from app.tui.screens.features import FeaturesTab
from app.tui.screens.features_rules import RulesTab
from app.tui.screens.features_sets import TrainingSetsTab
from app.tui.screens.features_views import ViewsTab
from app.tui.screens.tabs import Tab, TabbedScreen


class DataScreen(TabbedScreen):
    """The data half, then the features half; the source that is chosen in the first tab holds for the others."""

    place: ClassVar[str] = "data"
    AUTO_FOCUS = "#sources"
    tabs: ClassVar[tuple[type[Tab], ...]] = (
        SourcesTab,
        SnapshotsTab,
        ProfileTab,
        ContractTab,
        QuarantineTab,
        TicketsTab,
        FeaturesTab,
        ViewsTab,
        RulesTab,
        TrainingSetsTab,
    )

    def __init__(self) -> None:
        super().__init__()
        self.source = ""
        self.snapshot = ""

    def choose(self, source: str) -> None:
        """Another source: the other tabs follow."""
        if source != self.source:
            self.source, self.snapshot = source, ""

    def trail(self) -> str:
        """The chosen source."""
        return self.source.partition("/")[2]

    def do_data_run(self) -> None:
        """Ingest; a tab may have something nearer to run."""
        project = self.source.partition("/")[0] or self.control.only_project()
        if project is not None:
            self.control.start_act(
                self.control.acts.request(project, "ingest"), done=f"ingest of {project} requested; 3 shows it"
            )

    def do_data_import(self) -> None:
        """Ask for a file and copy it, checked, to where the next ingest of the chosen source finds it."""
        project, _, source = self.source.partition("/")
        if not source:
            self.control.say("choose a source first", severity="warning")
            return
        from app.tui.data_acts import DataActs

        acts = DataActs(self.control.acts, self.control.workspace, project)
        command = f"trainmaster data import FILE --source {source}"
        lines = [
            *fact(
                "What changes", f"the file is checked against the contract of {source} and copied to its folder, whole"
            ),
            *fact("Then", "the watcher takes it in; r does it at once"),
            *fact("Who is told", "the audit log"),
            *fact("Same as", command, "dim"),
        ]
        fields = (("File", "path of a file on this machine", True),)
        form = Form(f"Import a file into {source}", lines, confirm="Import", fields=fields, command=command)
        ask(self.control, form, lambda values: acts.import_file(source, values["File"]))
