"""Recordings: long series of measured or simulated states, and windows cut from them.

A recording becomes trajectories in three steps, one file each: `reading` (a file or Dataset → numbers,
names, units and times; with `tables`, `units` and `dates`, what columns, headings and times mean),
`regularity` (gaps and uneven steps, each by a named choice), `windows` (training, validation and held-out
windows, apart in time).
"""
