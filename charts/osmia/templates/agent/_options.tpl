{{/* Options of the agent that a running agent does not change, as data of a ConfigMap. */}}
{{- define "osmia.agent.options" -}}
{{- $agent := .Values.tetragon -}}
bpf-lib: {{ $agent.stateDirectory | quote }}
btf: {{ $agent.btf | quote }}
cluster-name: {{ $agent.clusterName | quote }}
debug: {{ $agent.debug | quote }}
deleted-pod-cache-size: {{ $agent.deletedPodCacheSize | quote }}
enable-ancestors: {{ $agent.processAncestors.enabled | quote }}
enable-k8s-api: {{ $agent.enableK8sAPI | quote }}
enable-pod-annotations: {{ $agent.podAnnotations.enabled | quote }}
enable-process-cred: {{ $agent.enableProcessCred | quote }}
enable-process-ns: {{ $agent.enableProcessNs | quote }}
event-cache-retries: {{ $agent.eventCacheRetries | quote }}
event-cache-retry-delay: {{ $agent.eventCacheRetryDelay | quote }}
{{- if $agent.exportFilename }}
export-directory: {{ .Values.exportDirectory | quote }}
export-filename: {{ printf "%s/%s" .Values.exportDirectory $agent.exportFilename | quote }}
{{- end }}
{{- if $agent.healthGrpc.enabled }}
health-server-address: {{ printf ":%d" (int $agent.healthGrpc.port) | quote }}
health-server-interval: {{ $agent.healthGrpc.interval | quote }}
{{- else }}
health-server-address: ""
{{- end }}
metrics-label-filter: {{ $agent.prometheus.metricsLabelFilter | quote }}
metrics-server: {{ include "osmia.agent.metricsAddress" . | quote }}
process-cache-size: {{ $agent.processCacheSize | quote }}
procfs: /procRoot
run-dir: {{ $agent.runDirectory | quote }}
{{- if $agent.grpc.enabled }}
server-address: {{ $agent.grpc.address | quote }}
{{- if $agent.grpc.tls.enabled }}
server-tls-cert-file: /etc/osmia/tls/tls.crt
server-tls-key-file: /etc/osmia/tls/tls.key
{{- if $agent.grpc.tls.requireClientCert }}
server-tls-client-ca-files: /etc/osmia/tls/ca.crt
server-tls-require-client-cert: "true"
{{- end }}
{{- end }}
{{- else }}
server-address: ""
{{- end }}
{{- end }}

{{/* Options that the ExportConfig `default` replaces while an agent runs. */}}
{{- define "osmia.agent.exportOptions" -}}
{{- $agent := .Values.tetragon -}}
export-file-compress: {{ $agent.exportFileCompress | quote }}
export-file-max-backups: {{ $agent.exportFileMaxBackups | quote }}
export-file-max-size-mb: {{ $agent.exportFileMaxSizeMB | quote }}
export-file-perm: {{ $agent.exportFilePerm | quote }}
export-file-rotation-interval: {{ $agent.exportFileRotationInterval | default "0s" | quote }}
export-rate-limit: {{ $agent.exportRateLimit | quote }}
export-allowlist: {{ include "osmia.filterLines" $agent.exportAllowList | quote }}
export-denylist: {{ include "osmia.filterLines" $agent.exportDenyList | quote }}
field-filters: {{ include "osmia.filterLines" $agent.fieldFilters | quote }}
redaction-filters: {{ include "osmia.filterLines" $agent.redactionFilters | quote }}
{{- end }}

{{- define "osmia.agent.metricsAddress" -}}
{{- with .Values.tetragon.prometheus -}}
{{- if .enabled -}}
{{- printf "%s:%d" .address (int .port) -}}
{{- end -}}
{{- end -}}
{{- end }}
