"""Executing feature code without leaving a trace in the process: its own modules are known to it alone."""

import ast
import builtins
import hashlib
import linecache
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.errors import BadInput, Place
from app.domain.text import visible
from app.features.output import harmless_output


@dataclass
class Importer:
    """Runs `features.py` and, as they are imported, the modules beside it; each once, none in `sys.modules`."""

    file: str
    sources: Mapping[str, str]
    _done: dict[str, types.ModuleType] = field(default_factory=dict)

    def shown(self, name: str) -> str:
        """The name of a sibling's file, for messages."""
        folder, slash, _ = self.file.rpartition("/")
        return f"{folder}{slash}{name}.py"

    def executed(self, name: str, text: str, file: str) -> types.ModuleType:
        """A module made of this source; raises BadInput with file and line when it fails."""
        code = compile(parsed(text, file), file, "exec", dont_inherit=True)
        unique = f"_{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        module = types.ModuleType(unique)
        module.__file__ = file
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        self._done[name] = module
        before = sys.modules.get(unique)
        sys.modules[unique] = module  # dataclasses look their module up there
        try:
            with harmless_output():
                exec(code, module.__dict__)  # noqa: S102  the user's own feature code, which is what this program runs
        except (KeyboardInterrupt, BadInput):
            raise
        except BaseException as error:
            raise failed("the feature code cannot be loaded", error, file) from error
        finally:
            if before is None:
                sys.modules.pop(unique, None)
            else:
                sys.modules[unique] = before
        return module

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        if level == 0 and name in self.sources:
            return self._done.get(name) or self.executed(name, self.sources[name], self.shown(name))
        return builtins.__import__(name, globals, locals, fromlist or (), level)


def parsed(text: str, file: str) -> ast.Module:
    """The syntax tree of feature code; raises BadInput with file and line."""
    try:
        tree = ast.parse(text, filename=file)
        compile(tree, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise BadInput(
            f"the feature code is not valid Python: {visible(reason, longest=160)}",
            where=str(Place(file, line=line)),
            next_step=f"correct {file}",
        ) from None
    return tree


def readable(text: str) -> ast.Module | None:
    """The syntax tree, or None for code that is not valid: it is nobody's concern until it is imported."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def failed(what: str, error: BaseException, file: str) -> BadInput:
    """The error of feature code as one of ours, with the innermost line of the project's folder."""
    folder = file.rpartition("/")[0]
    place, line = file, None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name == file or (folder and name.rpartition("/")[0] == folder):
            place, line = name, trace.tb_lineno
        trace = trace.tb_next
    words = visible(error, longest=200)
    return BadInput(
        f"{what}: {visible(type(error).__name__, longest=80)}{': ' + words if words else ''}",
        where=str(Place(place, line=line)),
        next_step=f"correct {place}, and try its tests: python -m pytest {file.rsplit('/', 1)[0]}",
    )
