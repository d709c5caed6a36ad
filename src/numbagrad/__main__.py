"""``python -m numbagrad``: the main job, see `numbagrad.demo`."""

from .demo import main

if __name__ == "__main__":
    main()
