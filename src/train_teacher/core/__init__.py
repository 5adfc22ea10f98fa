"""Foundations: errors, atomic files, words, arrays, network and memory switches."""
