"""The first walk through a text file: what it holds, and whether it is text at all, in a few megabytes of memory."""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from app.domain.errors import BadInput, Place
from app.domain.text import visible

BLOCK_BYTES = 4 << 20
MAX_BYTES = 4 << 30
MAX_LINE_BYTES = 64 << 20
BOMB_BYTES, BOMB_RATIO = 64 << 20, 200
BOM = b"\xef\xbb\xbf"
SAVE_AS_UTF8 = "save the file as UTF-8"


@dataclass(frozen=True)
class TextFile:
    """A text file on disk, plain or packed; `shown` is its name in messages."""

    path: Path
    codec: str | None
    shown: str

    def open(self) -> pa.NativeFile:
        """The unpacked bytes as a stream."""
        raw = pa.PythonFile(self.path.open("rb"), mode="r")  # pyarrow opens no name that is no UTF-8
        return pa.CompressedInputStream(raw, self.codec) if self.codec else raw

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[bytes]:
        """The unpacked bytes in blocks; raises BadInput when the packed data are damaged."""
        try:
            with self.open() as stream:
                while block := stream.read(size):
                    yield block
        except (pa.ArrowException, OSError) as error:
            if self.codec is None:
                raise
            reason = visible(str(error).split("\n", 1)[0], longest=160)
            raise BadInput(
                f"the {self.codec} data is damaged: {reason}", where=self.shown, next_step="compress it again"
            ) from None

    def first_line(self) -> bytes:
        """The first line without the byte order mark and its end."""
        head = b""
        for block in self.blocks(1 << 16):
            head += block
            if b"\n" in block:
                break
        return head.split(b"\n", 1)[0].removeprefix(BOM).strip(b"\r\n")


@dataclass(frozen=True)
class Survey:
    """What a walk through a text file found; `digest` is the SHA-256 of its bytes as they lie on the disk."""

    digest: str
    size_bytes: int
    plain_bytes: int
    line_ends: int
    longest_line: int
    quotes: int
    has_blank_lines: bool
    ends_with_line_end: bool


def survey(file: TextFile) -> Survey:
    """Walk through a file once; raises BadInput for what is empty, too large, packed to burst, or no UTF-8 text.

    A line of more than 64 MiB, and what unpacks to more than 200 times its size, end the walk: memory stays bounded.
    """
    size = file.path.stat().st_size
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    plain = line_ends = quotes = longest = running = 0
    blank, before = False, b""
    for block in file.blocks():
        if plain == 0 and block.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise BadInput("the file is UTF-16, not UTF-8", where=f"{file.shown} line 1", next_step=SAVE_AS_UTF8)
        if file.codec is None:
            digest.update(block)
        _decode(file, decoder, block, plain)
        nul = block.find(b"\x00")
        if nul >= 0:
            raise BadInput(
                f"a zero byte (byte {plain + nul} of the file): this is not text",
                where=str(Place(file.shown, line=line_ends + block.count(b"\n", 0, nul) + 1)),
                next_step="write the file again as text",
            )
        plain += len(block)
        require_bounded(file, size, plain)
        first, last = block.find(b"\n"), block.rfind(b"\n")
        longest = max(longest, running + (first if first >= 0 else len(block)), len(block) if first != last else 0)
        line_ends += block.count(b"\n")
        _require_short_lines(file, running + (first if first >= 0 else len(block)), line_ends, block)
        running = len(block) - last - 1 if last >= 0 else running + len(block)
        quotes += block.count(b'"')
        joined = (before or b"\n") + block
        blank = blank or b"\n\n" in joined or b"\n\r\n" in joined
        before = block[-2:]
    _decode(file, decoder, b"", plain, final=True)
    if plain == 0:
        raise BadInput("the file is empty", where=file.shown, next_step="write it again with a header line and rows")
    return Survey(
        digest.hexdigest() if file.codec is None else packed_digest(file.path),
        size,
        plain,
        line_ends,
        longest,
        quotes,
        blank,
        before.endswith(b"\n"),
    )


def packed_digest(path: Path, salt: str = "") -> str:
    """SHA-256 of a file's bytes as they lie on the disk, after those of `salt`."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.sha256(salt.encode())).hexdigest()


def _decode(
    file: TextFile, decoder: codecs.IncrementalDecoder, block: bytes, before: int, *, final: bool = False
) -> None:
    pending = len(decoder.getstate()[0])
    if not pending and not final and block.isascii():
        return
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError as error:
        raise _not_utf8(file, before - pending + error.start) from None


def _not_utf8(file: TextFile, at: int) -> BadInput:
    """Name the line, the position in it and the column of a byte that is not UTF-8."""
    line, begins, seen, head, bad = 1, 0, 0, b"", 0
    for block in file.blocks():
        upto = block[: max(0, at - seen)] if at < seen + len(block) else block
        line += upto.count(b"\n")
        last = upto.rfind(b"\n")
        begins, head = (seen + last + 1, upto[last + 1 :]) if last >= 0 else (begins, head + upto)
        if at < seen + len(block):
            bad = block[at - seen]
            break
        seen += len(block)
    return BadInput(
        f"byte 0x{bad:02x} at position {at - begins + 1} is not UTF-8 (byte {at} of the file)",
        where=str(Place(file.shown, line=line, column=_column(file, head, line))),
        next_step=SAVE_AS_UTF8,
    )


def _column(file: TextFile, head: bytes, line: int) -> str | None:
    """The name of the CSV column that the end of `head` stands in, when the header can say it."""
    header = file.first_line().decode(errors="replace")
    if line == 1 or '"' in header or b'"' in head or header.lstrip().startswith("{"):
        return None
    mark = next((mark for mark in (",", ";", "\t") if mark in header), None)
    names = header.split(mark) if mark else [header]
    place = head.count(mark.encode()) if mark else 0
    return visible(names[place].strip(), longest=60) if place < len(names) else None


def require_bounded(file: TextFile, size: int, plain: int) -> None:
    """Raise BadInput when what was unpacked so far (`plain` bytes, of `size` on disk) is too much."""
    if plain > MAX_BYTES:
        what = f"it unpacks to more than {MAX_BYTES >> 30} GiB" if file.codec else f"it has {size / (1 << 30):.1f} GiB"
        raise BadInput(
            f"{what}; the limit of one file is {MAX_BYTES >> 30} GiB",
            where=file.shown,
            next_step="split it into several files",
        )
    if file.codec and plain > BOMB_BYTES and plain > BOMB_RATIO * size:
        raise BadInput(
            f"{size:,} bytes unpack to more than {plain >> 20:,} MiB: over {BOMB_RATIO} times as much",
            where=file.shown,
            next_step="is it a bomb? if it is right, deliver it unpacked or in several files",
        )


def _require_short_lines(file: TextFile, length: int, line_ends: int, block: bytes) -> None:
    if length > MAX_LINE_BYTES:
        line = line_ends + 1 - block.count(b"\n")
        raise BadInput(
            f"the line has more than {MAX_LINE_BYTES >> 20} MiB: no row is as long as that",
            where=str(Place(file.shown, line=line)),
            next_step="are the line ends missing? write one row a line",
        )
