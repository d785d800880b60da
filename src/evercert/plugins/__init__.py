"""What a plugin is: its header, the contracts it may keep, and how it is found.

Built-in plugins are found the same way as a stranger's. A plugin never knows another plugin.
"""
