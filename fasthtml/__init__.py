"""Hypermedia apps in pure Python. Names load when they are first asked for."""
__version__ = '0.1.0'
