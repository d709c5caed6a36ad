"""The definitions of Ops: each class states everything about one Op."""
