"""What the data tabs share: the source that was chosen in the first of them."""

from typing import TYPE_CHECKING, cast

from app.tui.screens.tabs import Tab

if TYPE_CHECKING:
    from app.tui.data_acts import DataActs
    from app.tui.screens.data import DataScreen


class DataTab(Tab):
    """A tab about one source."""

    @property
    def data(self) -> "DataScreen":
        """The place, which knows the chosen source and snapshot."""
        return cast("DataScreen", self.screen)

    def wish(self) -> tuple[str, ...]:
        """The chosen source."""
        return (self.data.source,)

    def data_acts(self) -> "DataActs":
        """The acts on the project of the chosen source."""
        from app.tui.data_acts import DataActs

        return DataActs(self.control.acts, self.control.workspace, self.data.source.partition("/")[0])

    @property
    def source_name(self) -> str:
        """The chosen source's name."""
        return self.data.source.partition("/")[2]
