"""nginx's configuration, read as it is written, so that a change touches only what it must.

Never here: running nginx, or writing files.
"""
