"""``python -m numbagrad``, see `numbagrad.commands`."""

from .commands import main

if __name__ == "__main__":
    main()
