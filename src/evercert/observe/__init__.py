"""What is really there

DNS, ports, CAA, served certificates.:Never here: repairs.
"""
