"""The product's memory

named SQL in `queries/`, one file per noun.:Never here: a decision about what to do next, or a driver.
"""
