"""Processes in which MMEngine's Runner trains, on one machine or several."""
