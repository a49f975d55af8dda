"""What `trainmaster.toml` says to the screen: theme, glyphs, own keys, the store's URL; and the environment's name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.errors import BadInput
from app.domain.workspace import Workspace
from app.tui.glyphs import SETS
from app.tui.themes import DEFAULT


@dataclass(frozen=True)
class Settings:
    """Choices of the person; every one has a default."""

    theme: str = DEFAULT
    glyphs: str = "braille"
    environment: str = "dev"
    store_url: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


def read_settings(workspace: Workspace) -> Settings:
    """The settings of a workspace; raises BadInput for a file that cannot be read."""
    try:
        text = workspace.marker.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except UnicodeDecodeError as error:
        raise BadInput(f"not UTF-8: {error}", where="trainmaster.toml", next_step="correct trainmaster.toml") from None
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        return Settings()  # the usual case starts without a parser
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f"not valid TOML: {error}", where="trainmaster.toml", next_step="correct trainmaster.toml"
        ) from None
    screen, keys, store = (_section(document, name) for name in ("screen", "keys", "store"))
    glyphs = str(screen.get("glyphs", "braille"))
    if glyphs not in SETS:
        raise BadInput(
            f"[screen] glyphs = {glyphs!r}: choose from {', '.join(SETS)}",
            where="trainmaster.toml",
            next_step="correct trainmaster.toml",
        )
    url = store.get("url")
    return Settings(
        theme=str(screen.get("theme", DEFAULT)),
        glyphs=glyphs,
        environment=str(document.get("environment", "dev")),
        store_url=_filled(workspace, str(url)) if url else None,
        keys={str(name): str(key) for name, key in keys.items()},
    )


def _section(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = document.get(name, {})
    return found if isinstance(found, dict) else {}


def _filled(workspace: Workspace, url: str) -> str:
    from app.services.secrets import filled_url

    return filled_url(workspace, "store", url)
