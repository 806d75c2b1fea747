"""Measurements, run by hand: ratios of two things measured in one run, since machines differ."""
