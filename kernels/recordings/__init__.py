"""Recordings: long series of measured or simulated states, and windows cut from them.

A file is read in steps, one file each; every step adds to the notes on what it understood and left out:

    text       decoding → dialect (separator, heading, units) → text_tables → frames (`Table`)
    tables     time_columns, stamps, dates (times) → series (runs) → numerals (text to numbers) → flags (missing)
    Datasets   gridded → stored_times → flags
    both       rows (`Rows`) → axis (order, clocks, calendar_steps) → reading (`Recording`)

A recording becomes trajectories by `regularity` (gaps and uneven steps, each by a named choice) and `windows`
(training, validation and held-out windows, apart in time). What a file does not tell is asked, see `choices`.
"""
