"""Invoices: needs a database that nobody has configured."""

import os

DATABASE_URL = os.environ["INVOICES_DATABASE_URL"]

if __name__ == "__main__":
    print(f"invoices are kept in {DATABASE_URL}")
