{{- define "osmia.agent.container" -}}
{{- $agent := .Values.tetragon -}}
- name: {{ include "osmia.name" . }}
  image: {{ include "osmia.image" (dict "root" . "of" "tetragon") | quote }}
  imagePullPolicy: {{ .Values.imagePullPolicy }}
  {{- with $agent.commandOverride }}
  command:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  args:
    {{- if $agent.argsOverride }}
    {{- toYaml $agent.argsOverride | nindent 4 }}
    {{- else }}
    - --config-dir=/etc/osmia/options
    {{- range $option, $value := $agent.extraArgs }}
    {{- if eq (toString $value) "" }}
    - --{{ $option }}
    {{- else }}
    - {{ printf "--%s=%v" $option (kindIs "float64" $value | ternary (toJson $value) $value) | quote }}
    {{- end }}
    {{- end }}
    {{- end }}
  env:
    - name: NODE_NAME
      valueFrom:
        fieldRef:
          fieldPath: spec.nodeName
    # With it the operator tells a report of this Pod from one of its predecessor.
    - name: POD_UID
      valueFrom:
        fieldRef:
          fieldPath: metadata.uid
    {{- with $agent.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or $agent.prometheus.enabled $agent.healthGrpc.enabled }}
  ports:
    {{- if $agent.prometheus.enabled }}
    - name: metrics
      containerPort: {{ $agent.prometheus.port }}
      protocol: TCP
    {{- end }}
    {{- if $agent.healthGrpc.enabled }}
    - name: health
      containerPort: {{ $agent.healthGrpc.port }}
      protocol: TCP
    {{- end }}
  {{- end }}
  {{- if $agent.prometheus.enabled }}
  # Ready: programs attached, processes that were there read, and the loop turning.
  startupProbe:
    httpGet: {path: /readyz, port: metrics{{ with $agent.prometheus.address }}, host: {{ . | quote }}{{ end }}}
    periodSeconds: 2
    failureThreshold: 60
  readinessProbe:
    httpGet: {path: /readyz, port: metrics{{ with $agent.prometheus.address }}, host: {{ . | quote }}{{ end }}}
    periodSeconds: 10
    timeoutSeconds: 5
  {{- end }}
  {{- if $agent.livenessProbe }}
  livenessProbe:
    {{- toYaml $agent.livenessProbe | nindent 4 }}
  {{- else if $agent.prometheus.enabled }}
  # Alive: the loop has turned lately.
  livenessProbe:
    httpGet: {path: /healthz, port: metrics{{ with $agent.prometheus.address }}, host: {{ . | quote }}{{ end }}}
    periodSeconds: 10
    timeoutSeconds: 10
    failureThreshold: 6
  {{- else if $agent.healthGrpc.enabled }}
  livenessProbe:
    grpc: {port: {{ $agent.healthGrpc.port }}, service: liveness}
    initialDelaySeconds: 30
    periodSeconds: 10
    timeoutSeconds: 10
    failureThreshold: 6
  {{- end }}
  {{- with $agent.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- if $agent.securityContext.privileged }}
    privileged: true
    {{- else }}
    # Files of the host below hold what only root reads, and bpf(2) wants it where unprivileged use is off.
    runAsUser: 0
    allowPrivilegeEscalation: false
    capabilities:
      {{- include "osmia.agent.capabilities" . | nindent 6 }}
    seccompProfile:
      type: {{ $agent.securityContext.seccompProfile }}
    {{- with $agent.securityContext.appArmorProfile }}
    {{- if semverCompare ">=1.30-0" $.Capabilities.KubeVersion.Version }}
    appArmorProfile:
      type: {{ . }}
    {{- end }}
    {{- end }}
    {{- with $agent.securityContext.seLinuxType }}
    seLinuxOptions:
      type: {{ . }}
    {{- end }}
    {{- end }}
    readOnlyRootFilesystem: true
  volumeMounts:
    {{- include "osmia.agent.mounts" . | nindent 4 }}
{{- end }}

{{- define "osmia.agent.mounts" -}}
{{- $agent := .Values.tetragon -}}
- name: options
  mountPath: /etc/osmia/options
  readOnly: true
# Processes of the host, by their own ids: identity at start, binaries, namespaces.
- name: proc
  mountPath: /procRoot
  readOnly: true
# The host's cgroups: in the container's own cgroup namespace, other containers cannot be told apart.
- name: cgroup
  mountPath: /sys/fs/cgroup
  readOnly: true
# Formats and ids of tracepoints, events of probes.
- name: tracing
  mountPath: /sys/kernel/tracing
# Compiled programs and the last known configuration, so that a restart needs neither compiler nor API
# server.
- name: state
  mountPath: {{ $agent.stateDirectory | quote }}
{{- if $agent.exportFilename }}
# The JSON log and files of ExportConfigs.
- name: export
  mountPath: {{ .Values.exportDirectory | quote }}
{{- end }}
# The gRPC socket and its address, for the command line on the node; the pid file, so that no second
# agent starts.
- name: run
  mountPath: {{ $agent.runDirectory | quote }}
# The compile child works there.
- name: tmp
  mountPath: /tmp
{{- if and $agent.grpc.enabled $agent.grpc.tls.enabled }}
- name: tls
  mountPath: /etc/osmia/tls
  readOnly: true
{{- end }}
{{- with $agent.btf }}
- name: btf
  mountPath: {{ . | quote }}
  readOnly: true
{{- end }}
{{- range .Values.extraHostPathMounts }}
- name: {{ .name | quote }}
  mountPath: {{ .mountPath | quote }}
  readOnly: {{ ne .readOnly false }}
{{- end }}
{{- range .Values.extraConfigmapMounts }}
- name: {{ .name | quote }}
  mountPath: {{ .mountPath | quote }}
  readOnly: {{ ne .readOnly false }}
{{- end }}
{{- with $agent.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "osmia.agent.volumes" -}}
{{- $agent := .Values.tetragon -}}
- name: options
  projected:
    sources:
      - configMap:
          name: {{ include "osmia.name" . }}-config
      - configMap:
          name: {{ include "osmia.name" . }}-export
- name: proc
  hostPath: {path: {{ $agent.hostProcPath | quote }}, type: Directory}
- name: cgroup
  hostPath: {path: /sys/fs/cgroup, type: Directory}
- name: tracing
  hostPath: {path: /sys/kernel/tracing, type: Directory}
- name: state
  hostPath: {path: {{ $agent.stateDirectory | quote }}, type: DirectoryOrCreate}
{{- if $agent.exportFilename }}
- name: export
  hostPath: {path: {{ .Values.exportDirectory | quote }}, type: DirectoryOrCreate}
{{- end }}
- name: run
  hostPath: {path: {{ $agent.runDirectory | quote }}, type: DirectoryOrCreate}
- name: tmp
  emptyDir: {}
{{- if and $agent.grpc.enabled $agent.grpc.tls.enabled }}
- name: tls
  secret:
    secretName: {{ $agent.grpc.tls.server.existingSecret | default (printf "%s-server-tls" (include "osmia.name" .)) }}
{{- end }}
{{- with $agent.btf }}
- name: btf
  hostPath: {path: {{ . | quote }}, type: File}
{{- end }}
{{- range .Values.extraHostPathMounts }}
- name: {{ .name | quote }}
  hostPath:
    path: {{ .hostPath | default .mountPath | quote }}
    {{- with .type }}
    type: {{ . }}
    {{- end }}
{{- end }}
{{- range .Values.extraConfigmapMounts }}
- name: {{ .name | quote }}
  configMap:
    name: {{ .configMap | default .name | quote }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
