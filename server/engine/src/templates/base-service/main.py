"""A web service to begin with: it greets, says how it is, and takes its settings from the environment."""

import logging
import os

from fastapi import FastAPI

TITLE = os.environ.get("TITLE", "Base service")
GREETING = os.environ.get("GREETING", "Hello")
LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO")

logging.basicConfig(level=LOG_LEVEL, format="%(levelname)s %(message)s")
log = logging.getLogger("service")

app = FastAPI(title=TITLE)


@app.get("/")
def greet(name: str = "world") -> dict[str, str]:
    """Greets whoever asks."""
    log.debug("greeting %r", name)
    return {"service": TITLE, "message": f"{GREETING}, {name}!"}


@app.get("/health")
def health() -> dict[str, str]:
    """Says that it works; Pilothouse asks this."""
    return {"status": "ok"}
