"""The agent's options: one typed object, made of flags, environment and files.

`load_settings` is the way in; it gives a `Settings` and the warnings to log, or raises
`SettingsError`. `node_names` says what this node is called. Imports no other room of the agent.
"""

from osmia_agent.settings.load import Loaded, load_settings
from osmia_agent.settings.model import Settings
from osmia_agent.settings.node import NodeNames, node_names
from osmia_agent.settings.values import SettingsError

__all__ = ["Loaded", "NodeNames", "Settings", "SettingsError", "load_settings", "node_names"]
