"""A version as a folder that works without us: absent or whole, and proven before it appears."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.errors import BadInput, Refused, Unavailable
from app.domain.text import visible
from app.learning.formats import Format
from app.learning.openmp import PASSIVE, VARIABLE
from app.learning.package import Package
from app.services.registry.carding import card_of_version
from app.services.registry.packages import read_package
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store

PROOF_S = 120.0
PARTIAL = ".partial"
NEEDED = {
    Format.LIGHTGBM_TEXT: ("lightgbm", "numpy", "scipy"),
    Format.SKOPS: ("skops", "scikit-learn", "numpy", "scipy"),
}
README = """# {name} version {version}

A model that trainmaster trained and registered. It needs nothing of trainmaster:

```sh
python -m venv .venv
.venv/bin/pip install -r requirements.txt
.venv/bin/python verify.py
.venv/bin/python verify.py --predict < records.json
```

`verify.py` checks the digests, loads `{model}` and compares all {rows} stored predictions. `manifest.json` says what
the model takes (names, kinds, categories), what it was made from and how good it is; `card.html` is for people.
"""


@dataclass(frozen=True)
class Exported:
    """A folder that was written; `proof` is what its own script said."""

    path: Path
    model: str
    version: int
    files: tuple[str, ...]
    size_bytes: int
    proof: str

    @property
    def says(self) -> str:
        """What happened, in one line."""
        return f"{self.model} v{self.version} is in {self.path}: {self.proof}"


def export(store: Store, model: str, version: int | None, target: Path, *, by: str, onnx: bool = False) -> Exported:
    """Write a version (None: the one in production) into the new folder `target`; absent or whole, whatever happens.

    The folder's own script proves the stored predictions, in an interpreter that cannot import trainmaster, before the
    folder gets its name. Raises NotFound, Damaged, Refused for a target that exists or a proof that fails, Unavailable
    when the disk refuses.
    """
    found, package = read_package(store, model, version)
    refuse_target(target)
    if b"app.learning.learners.naive" in package.model and package.format is Format.SKOPS:
        raise BadInput(
            "the naive baseline is code of trainmaster: it has no form of its own", next_step="train another"
        )
    files = contents(store, model, found.version, package)
    if onnx:
        from app.learning.onnx_form import convert

        converted = convert(package)
        files["model.onnx"] = converted.content
        files["onnx.json"] = _json({"says": converted.says, "tolerance": converted.tolerance} | converted.facts)
    with whole_folder(target, files) as folder:
        proof = prove(folder)
    with store.write() as session:
        audit.record(
            session,
            actor=by,
            action="model.exported",
            subject=f"model:{model}/{found.version}",
            now=now(),
            details={"folder": target.name, "digest": str(package.manifest["digest"]), "onnx": onnx},
        )
    size = sum(len(content) for content in files.values())
    return Exported(target, model, found.version, tuple(sorted(files)), size, proof)


def contents(store: Store, model: str, version: int, package: Package) -> dict[str, bytes]:
    """Every file of the folder, by name."""
    from app.learning import card_text, standalone

    card = card_of_version(store.reader, model, version)
    form, rows = package.format, len(package.canary["inputs"])
    return {
        "README.md": README.format(
            name=visible(model, longest=64), version=version, model=form.file_name, rows=rows
        ).encode(),
        "manifest.json": package.manifest_bytes,
        "canary.json": package.canary_bytes,
        form.file_name: package.model,
        "verify.py": Path(standalone.__file__).read_bytes(),
        "requirements.txt": requirements(package.manifest, form).encode(),
        "card.md": card_text.markdown(card).encode(),
        "card.html": card_text.html(card).encode(),
    }


def requirements(manifest: Mapping[str, Any], form: Format) -> str:
    """Pins of the libraries that the folder needs: those that trained the model, else those of this environment."""
    import importlib.metadata

    environment = manifest.get("environment")
    packages = environment.get("packages") if isinstance(environment, dict) else None
    known = packages if isinstance(packages, dict) else {}
    lines = [f"# Python {environment.get('python', '')}" if isinstance(environment, dict) else "# pins"]
    lines += [f"{name}=={known.get(name) or importlib.metadata.version(name)}" for name in NEEDED[form]]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def whole_folder(target: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """The files in a folder beside `target`, to be proven in the block; it gets its name when the block ends well.

    Raises Unavailable when the disk refuses, Refused when the target has appeared meanwhile; nothing is left then.
    """
    folder = target.parent / f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_left_over(target)
        write_folder(folder, files)
        yield folder
        refuse_target(target)
        os.rename(folder, target)
        with contextlib.suppress(OSError):  # the folder is whole and has its name
            _sync(target.parent)
    except OSError as error:
        raise Unavailable(
            f"{target} cannot be written: {error.strerror or type(error).__name__}; nothing is left of it",
            next_step="make room, or choose another folder",
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_target(target: Path) -> None:
    """Raise Refused when the folder is there already and is not empty."""
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise Refused(f"{target} is there already", next_step="name a folder that does not exist")


def remove_left_over(target: Path) -> None:
    """Remove parts that an export of the same folder left when it was killed; those of living processes stay."""
    for place in target.parent.glob(f".{target.name}.*{PARTIAL}"):
        owner = place.name.removeprefix(f".{target.name}.").partition("-")[0]
        if owner.isdigit() and int(owner) != os.getpid() and not _lives(int(owner)):
            shutil.rmtree(place, ignore_errors=True)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write and sync every file, then the folder."""
    folder.mkdir(mode=0o755)
    for name, content in files.items():
        with (folder / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    _sync(folder)


def prove(folder: Path) -> str:
    """What the folder's own script says in an isolated interpreter; raises Refused when it is not all as stored."""
    command = [sys.executable, "-I", "-B", "-W", "ignore", str(folder / "verify.py")]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=PROOF_S,
            cwd=folder,
            env={VARIABLE: PASSIVE, "OMP_NUM_THREADS": "1"},
            check=False,
        )
        answer = json.loads(done.stdout or b"{}")
    except (subprocess.TimeoutExpired, ValueError):
        answer, done = {}, None
    if answer.get("ok") is not True:
        last = "" if done is None else done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        says = answer.get("says") or (last[0] if last else "no answer")
        raise Refused(
            f"the exported folder does not give the stored predictions: {str(says)[:300]}",
            next_step="trainmaster store fsck",
        )
    return str(answer["says"])


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, allow_nan=False).encode()


__all__ = ["Exported", "export", "requirements"]
