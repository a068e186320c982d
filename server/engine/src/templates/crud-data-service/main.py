"""A web service that keeps items in a SQLite database: list, create, get, update and delete."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from fastapi import FastAPI, HTTPException, Query, Response
from pydantic import BaseModel, Field

TITLE = os.environ.get("TITLE", "CRUD data service")
DATABASE_PATH = os.environ.get("DATABASE_PATH", "data.db")
MAX_PAGE = int(os.environ.get("MAX_PAGE", "100"))

SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    quantity INTEGER NOT NULL,
    note TEXT NOT NULL
)
"""


class NewItem(BaseModel):
    """What an item is made of, or becomes."""

    name: str = Field(min_length=1, max_length=100)
    quantity: int = Field(default=0, ge=0, le=1_000_000)
    note: str = Field(default="", max_length=1000)


class Item(NewItem):
    """An item that is kept."""

    id: int


class Page(BaseModel):
    """Some of the items, and how many there are."""

    items: list[Item]
    total: int


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    """A connection for one request: what was changed is kept when nothing has failed."""
    with closing(sqlite3.connect(DATABASE_PATH, timeout=5)) as connection, connection:
        connection.row_factory = sqlite3.Row
        yield connection


def item(row: sqlite3.Row) -> Item:
    """A row as an item."""
    return Item(**dict(row))


def not_found(number: int) -> HTTPException:
    """There is no such item."""
    return HTTPException(status_code=404, detail=f"there is no item {number}")


def taken(name: str) -> HTTPException:
    """Another item has that name."""
    return HTTPException(status_code=409, detail=f"there is an item '{name}' already")


with database() as opened:
    opened.execute("PRAGMA journal_mode = WAL")
    opened.execute(SCHEMA)

app = FastAPI(title=TITLE)


@app.get("/health")
def health() -> dict[str, str]:
    """Says that the database answers; Pilothouse asks this."""
    with database() as connection:
        connection.execute("SELECT 1 FROM items LIMIT 1")
    return {"status": "ok"}


@app.get("/items")
def list_items(limit: int = Query(default=min(20, MAX_PAGE), ge=1, le=MAX_PAGE), offset: int = Query(default=0, ge=0)) -> Page:
    """Lists items, oldest first."""
    with database() as connection:
        total = connection.execute("SELECT count(*) FROM items").fetchone()[0]
        rows = connection.execute("SELECT * FROM items ORDER BY id LIMIT ? OFFSET ?", (limit, offset)).fetchall()
    return Page(items=[item(row) for row in rows], total=total)


@app.post("/items", status_code=201)
def create_item(new: NewItem) -> Item:
    """Makes an item."""
    try:
        with database() as connection:
            made = connection.execute(
                "INSERT INTO items (name, quantity, note) VALUES (?, ?, ?) RETURNING *", (new.name, new.quantity, new.note)
            ).fetchone()
            return item(made)
    except sqlite3.IntegrityError as error:
        raise taken(new.name) from error


@app.get("/items/{number}")
def get_item(number: int) -> Item:
    """Shows an item."""
    with database() as connection:
        row = connection.execute("SELECT * FROM items WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise not_found(number)
    return item(row)


@app.put("/items/{number}")
def update_item(number: int, new: NewItem) -> Item:
    """Changes an item."""
    try:
        with database() as connection:
            row = connection.execute(
                "UPDATE items SET name = ?, quantity = ?, note = ? WHERE id = ? RETURNING *", (new.name, new.quantity, new.note, number)
            ).fetchone()
    except sqlite3.IntegrityError as error:
        raise taken(new.name) from error
    if row is None:
        raise not_found(number)
    return item(row)


@app.delete("/items/{number}", status_code=204)
def delete_item(number: int) -> Response:
    """Deletes an item."""
    with database() as connection:
        deleted = connection.execute("DELETE FROM items WHERE id = ?", (number,)).rowcount
    if deleted == 0:
        raise not_found(number)
    return Response(status_code=204)
