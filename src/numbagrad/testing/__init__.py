"""Samples, and the checks that every Op gets: for the tests here and of users' own Ops."""
