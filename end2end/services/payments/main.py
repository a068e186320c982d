"""Payments: reserves and captures amounts."""

import uvicorn
from fastapi import FastAPI

import config

app = FastAPI(title="Payments", version="0.9.2")
captured: list[int] = []


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok", "currency": config.CURRENCY}


@app.post("/payments/{cents}")
def capture(cents: int) -> dict[str, int]:
    captured.append(cents)
    print(f"captured {cents} cents", flush=True)
    return {"captured": sum(captured)}


if __name__ == "__main__":
    uvicorn.run(app, host=config.HOST, port=config.PORT)
