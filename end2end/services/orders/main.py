"""Orders: takes orders and says what became of them."""

import logging
from itertools import count

from fastapi import FastAPI, HTTPException
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel, Field

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("orders")

app = FastAPI(title="Orders", description="Takes orders and says what became of them.", version="1.4.0")
Instrumentator().instrument(app).expose(app)

orders: dict[int, "Order"] = {}
numbers = count(1)


class Order(BaseModel):
    """What somebody wants, and how many."""

    item: str = Field(min_length=1, max_length=100)
    quantity: int = Field(gt=0, le=1000)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/orders", status_code=201)
def place(order: Order) -> dict[str, int]:
    number = next(numbers)
    orders[number] = order
    log.info("order %d placed: %d x %s", number, order.quantity, order.item)
    return {"number": number}


@app.get("/orders/{number}")
def find(number: int) -> Order:
    if number not in orders:
        log.warning("order %d asked for, but there is none", number)
        raise HTTPException(404, f"there is no order {number}")
    return orders[number]
