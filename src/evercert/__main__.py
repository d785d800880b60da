"""`python -m evercert`."""

from evercert.cli import main

if __name__ == "__main__":
    main()
