{{/* Roles as files/rbac has them, with a binding for each, for one identity. `file`, `name` (what the
     objects are called instead of `from`), `account`, `labels`, `root`. Roles named in `without` are
     left out. */}}
{{- define "osmia.roles" -}}
{{- $given := . -}}
{{- range splitList "\n---\n" (.root.Files.Get .file) }}
{{- $role := fromYaml . }}
{{- if not (has $role.metadata.name $given.without) }}
{{- $name := replace $given.from $given.name $role.metadata.name }}
{{- if eq $role.kind "ClusterRole" }}
{{- $name = printf "%s-%s" $given.root.Release.Namespace $name }}
{{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $role.kind }}
metadata:
  name: {{ $name }}
  {{- if eq $role.kind "Role" }}
  namespace: {{ $given.root.Release.Namespace }}
  {{- end }}
  labels:
    {{- $given.labels | nindent 4 }}
rules:
  {{- toYaml $role.rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $role.kind }}Binding
metadata:
  name: {{ $name }}
  {{- if eq $role.kind "Role" }}
  namespace: {{ $given.root.Release.Namespace }}
  {{- end }}
  labels:
    {{- $given.labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $role.kind }}
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $given.account }}
    namespace: {{ $given.root.Release.Namespace }}
{{- end }}
{{- end }}
{{- end }}
