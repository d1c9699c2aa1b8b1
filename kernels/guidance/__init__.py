"""Guidance: conditioning a denoiser on an event or on what is known. One method a file.

A guided denoiser wraps a denoiser and a constraint and is a denoiser again; samplers never learn
what an event is.
"""
