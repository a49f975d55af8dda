"""Reading `mlruns/`: a folder an experiment, a folder a run, a file a parameter, metric or tag."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.domain.errors import BadInput, NotFound
from app.services.runs.mlflow.foreign import ForeignRun, Point

LARGEST_META = 1 << 20
LARGEST_VALUE = 1 << 20


def runs_in_folder(root: Path) -> Iterator[ForeignRun]:
    """Every active run of a file store; raises NotFound or BadInput that names the file and line."""
    experiments = [folder for folder in _folders(root) if (folder / "meta.yaml").is_file() and folder.name != ".trash"]
    if not experiments:
        raise NotFound(f"there is no MLflow experiment in {root}", next_step="trainmaster runs import --mlflow DIR")
    for experiment in experiments:
        about = _meta(experiment / "meta.yaml")
        for folder in _folders(experiment):
            if (folder / "meta.yaml").is_file() and (folder / "params").is_dir() and (folder / "metrics").is_dir():
                meta = _meta(folder / "meta.yaml")
                if meta.get("lifecycle_stage") != "deleted":
                    yield _run(folder, meta, str(about.get("name") or experiment.name))


def _run(folder: Path, meta: dict[str, Any], experiment: str) -> ForeignRun:
    tags = {name: _text(file) for name, file in _files(folder / "tags")}
    artifacts = folder / "artifacts"
    try:
        return ForeignRun(
            id=str(meta.get("run_id") or meta["run_uuid"]),
            experiment=experiment,
            status=int(meta["status"]),
            start_ms=_moment(meta.get("start_time")),
            end_ms=_moment(meta.get("end_time")),
            user=str(meta.get("user_id") or "unknown"),
            parameters={name: _text(file) for name, file in _files(folder / "params")},
            metrics={name: _points(file) for name, file in _files(folder / "metrics")},
            tags=tags,
            artifacts=artifacts if artifacts.is_dir() and not artifacts.is_symlink() else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"this is no run of MLflow: {error!r}", where=str(folder / "meta.yaml")) from error


def _meta(file: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    if file.is_symlink() or file.stat().st_size > LARGEST_META:
        raise BadInput("this is no meta.yaml of MLflow", where=str(file))
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f"{file} line {line + 1}" if line is not None else str(file)
        raise BadInput("this file is not YAML", where=where) from error
    if not isinstance(found, dict):
        raise BadInput("this is no meta.yaml of MLflow", where=str(file))
    return found


def _moment(value: object) -> int | None:
    return None if value is None else int(str(value))


def _points(file: Path) -> list[Point]:
    """Lines of time, value and, in newer files, step."""
    points = []
    for number, text in enumerate(_text(file, largest=1 << 30).split("\n"), start=1):
        parts = text.split()
        if not parts:
            continue
        try:
            points.append(Point(int(parts[0]), float(parts[1]), int(parts[2]) if len(parts) > 2 else 0))
        except (IndexError, ValueError) as error:
            raise BadInput(f"{text[:80]!r} is no point of a metric", where=f"{file} line {number}") from error
    return points


def _text(file: Path, *, largest: int = LARGEST_VALUE) -> str:
    if file.stat().st_size > largest:
        raise BadInput(f"more than {largest:,} bytes in one value", where=str(file))
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise BadInput("this file is not UTF-8", where=str(file)) from error


def _folders(root: Path) -> list[Path]:
    """The folders inside one, without links, in order."""
    if not root.is_dir():
        raise NotFound(f"there is no folder {root}", next_step="trainmaster runs import --mlflow DIR")
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink())


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Files below a folder by the name that they stand for (`a/b`), without links."""
    if root.is_dir() and not root.is_symlink():
        for file in sorted(root.rglob("*")):
            if file.is_file() and not any(part.is_symlink() for part in (file, *file.parents) if root in part.parents):
                yield file.relative_to(root).as_posix(), file


__all__ = ["runs_in_folder"]
