"""Statements that every job needs, compiled once and given to the driver as they are.

To build an expression, find its compiled form and adapt its result costs the event loop several times what the driver
takes for the statement itself. So whatever is asked all the time is a `Statement`; all else is SQLAlchemy's to run.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import asyncpg
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from services.kit import telemetry, tracing

_DIALECT = dialect()  # type: ignore[no-untyped-call]


class Statement:
    """A Core statement, or a `text` of SQL, whose bind parameters are the values of each run."""

    def __init__(self, statement: ClauseElement, columns: Iterable[str] | None = None) -> None:
        """`columns` are those that an INSERT without values gets from the values of each run."""
        compiled: Any = statement.compile(dialect=_DIALECT, column_keys=None if columns is None else list(columns))
        self.text = str(compiled)
        self._names: Sequence[str] = compiled.positiontup or ()
        self._binds = [_binding(compiled.binds.get(name)) for name in self._names]
        self._fixed: dict[str, Any] = {
            name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required
        }
        for column in compiled.insert_prefetch or ():
            self._fixed[column.key] = column.default.arg

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """The values in the order in which the text names them. Raises KeyError when one is missing."""
        known = self._fixed | values
        return [bind(known[name]) if bind else known[name] for name, bind in zip(self._names, self._binds, strict=True)]


def _binding(parameter: Any) -> Callable[[Any], Any] | None:
    return parameter.type.dialect_impl(_DIALECT).bind_processor(_DIALECT) if parameter is not None else None


class Record(asyncpg.Record):  # type: ignore[misc]
    """A row whose columns are attributes, as SQLAlchemy's rows have them."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Direct:
    """A connection that runs statements past SQLAlchemy."""

    def __init__(self, driver: asyncpg.Connection, database: str) -> None:
        self.driver = driver
        self._database = database

    async def run(self, statement: Statement, **values: Any) -> list[Any]:
        """The statement's rows."""
        arguments = statement.arguments(values)
        if not telemetry.exporting():
            return await self._fetch(statement.text, arguments)
        with tracing.stating(statement.text, self._database):
            return await self._fetch(statement.text, arguments)

    async def first(self, statement: Statement, **values: Any) -> Any:
        """The statement's first row, None if it has none."""
        found = await self.run(statement, **values)
        return found[0] if found else None

    async def _fetch(self, text: str, arguments: list[Any]) -> list[Any]:
        rows: list[Any] = await self.driver.fetch(text, *arguments, record_class=Record)
        return rows
