"""Separate and specialise (a two-branch nvdiffrec): material maps from pictures, by one network or by two."""
