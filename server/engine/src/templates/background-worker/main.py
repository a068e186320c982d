"""A background worker: does its work again and again, and ends between two rounds when it is asked to."""

import logging
import os
import signal

TASK = os.environ.get("TASK", "Looking for work")
INTERVAL_SECONDS = float(os.environ.get("INTERVAL_SECONDS", "10"))
LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO")

ENDS = {signal.SIGTERM, signal.SIGINT}

logging.basicConfig(level=LOG_LEVEL, format="%(levelname)s %(message)s")
log = logging.getLogger("worker")


def work(number: int) -> None:
    """One round. Put here what is to be done; it isn't interrupted by a stop."""
    log.info("%s, round %d", TASK, number)


def main() -> None:
    """Works until it is asked to end, which it looks for between two rounds."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    log.info("begins, a round every %g seconds", INTERVAL_SECONDS)
    number = 0
    while True:
        number += 1
        try:
            work(number)
        except Exception:
            log.exception("round %d has failed; the next one is tried", number)
        if signal.sigtimedwait(ENDS, INTERVAL_SECONDS) is not None:
            break
    log.info("ends after %d rounds", number)


if __name__ == "__main__":
    main()
