"""What all tables share."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict
from sqlalchemy import BigInteger, Column, ForeignKey
from sqlmodel import Field, SQLModel

from app.store.columns import Finite, LongText, UtcTime, Word

Digest = Annotated[str, Field(min_length=64, max_length=64)]


class Table(SQLModel):
    """A row that is validated before it is inserted (`app.store.engine` does it at flush)."""

    model_config = ConfigDict(extra="forbid", validate_default=False, allow_inf_nan=False)  # type: ignore[assignment]


def moment(*, nullable: bool = False, index: bool = False) -> Any:
    """A UTC time column."""
    kwargs: dict[str, Any] = {"sa_type": UtcTime, "nullable": nullable, "index": index}
    return Field(default=None, **kwargs) if nullable else Field(**kwargs)


def number(*, nullable: bool = False) -> Any:
    """A finite float column."""
    kwargs: dict[str, Any] = {"sa_type": Finite, "nullable": nullable}
    return Field(default=None, **kwargs) if nullable else Field(**kwargs)


def size(*, nullable: bool = False) -> Any:
    """A count of bytes, which may pass two thousand million."""
    column: Column[Any] = Column(BigInteger, nullable=nullable)
    return Field(default=None, ge=0, sa_column=column) if nullable else Field(ge=0, sa_column=column)


def word(kind: type[StrEnum], default: StrEnum | None = None) -> Any:
    """A column of one of the members of a StrEnum."""
    sa_column: Column[Any] = Column(Word(kind), nullable=False, default=default)
    return Field(sa_column=sa_column) if default is None else Field(default=default, sa_column=sa_column)


def long_text(default: str = "") -> Any:
    """Text of any length."""
    return Field(default=default, sa_type=LongText)


def refers(
    target: str, *, nullable: bool = False, index: bool = True, primary_key: bool = False, name: str | None = None
) -> Any:
    """A foreign key; what is referred to cannot be deleted. One that an old table gets later needs a `name`."""
    column: Column[Any] = Column(
        ForeignKey(target, ondelete="RESTRICT", name=name), nullable=nullable, index=index, primary_key=primary_key
    )
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


__all__ = ["Digest", "Table", "datetime", "long_text", "moment", "number", "refers", "size", "word"]
