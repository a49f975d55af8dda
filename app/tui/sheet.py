"""The stylesheet: parsed once for a theme's colours, and not again while they are the same."""

from textual.css.stylesheet import Stylesheet


class Sheet(Stylesheet):
    """Textual parses every rule anew at each refresh of styles, several times before the first frame; here once."""

    _parsed_with: dict[str, str] | None = None

    def set_variables(self, variables: dict[str, str]) -> None:
        """Take other colours; what is parsed stays when they are the same."""
        if variables != self._variables:
            super().set_variables(variables)

    def parse(self) -> None:
        """Parse what was added, and note with which colours."""
        super().parse()
        self._parsed_with = self._variables

    def reparse(self) -> None:
        """Parse again when a colour is another one; else only what was added since."""
        if self._parsed_with is not None and self._parsed_with != self._variables:
            super().reparse()
            self._parsed_with = self._variables
        elif self._require_parse:
            self.parse()


__all__ = ["Sheet"]
