"""Settings, from the environment."""

import os

HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8472"))
CURRENCY = os.environ.get("CURRENCY", "EUR")
