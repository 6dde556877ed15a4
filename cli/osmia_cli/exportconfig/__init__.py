"""`osmia exportconfig`: commands about ExportConfigs, without a cluster."""
