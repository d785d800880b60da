"""A table of numbers and the words for them, for tests of what every database promises."""

from __future__ import annotations

from evercert.db.migrate import Migration
from evercert.db.protocol import Query

NUMBERS = (Migration(1, "numbers", "CREATE TABLE numbers (n INTEGER PRIMARY KEY, word TEXT NOT NULL)"),)

ADD = Query("add number", "INSERT INTO numbers (n, word) VALUES (:n, :word)")
ALL = Query("all numbers", "SELECT n, word FROM numbers ORDER BY n")
RENAME = Query("rename number", "UPDATE numbers SET word = :word WHERE n = :n")
RENAMED = Query("rename and return", "UPDATE numbers SET word = :word WHERE n = :n RETURNING n")
COUNT = Query("count", "SELECT count(*) FROM numbers")
