"""The Kubernetes API, as much of it as operator, agent and command line need.

On the `kubernetes` package, which finds server and credentials (`connection`) and sends requests
(`client`); `watch` keeps up with a collection, which the package's own watch does not do well
enough: see there. Objects are plain dicts. Importing any of it costs 11 MB, so it is imported only
where Kubernetes is on.
"""
