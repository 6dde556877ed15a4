"""The command line: `osmia`, installed as `tetra` as well."""
