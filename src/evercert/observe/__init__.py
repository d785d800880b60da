"""What is really there: DNS, ports, CAA records, clocks, quotas; looked at, then judged.

Each check is a pair: something gathered (I/O, bounded) and a pure judgement over it.
Never here: repairs.
"""
