{{- define "osmia.export.container" -}}
{{- $stdout := .Values.export.stdout -}}
- name: export-stdout
  image: {{ $stdout.image.override | default (include "osmia.image" (dict "root" . "of" "tetragon")) | quote }}
  imagePullPolicy: {{ .Values.imagePullPolicy }}
  {{- if $stdout.enabledCommand }}
  command:
    {{- if $stdout.commandOverride }}
    {{- toYaml $stdout.commandOverride | nindent 4 }}
    {{- else }}
    # Follows a name through rotations; what is there when it starts comes first.
    - tail
    {{- end }}
  {{- end }}
  {{- if $stdout.enabledArgs }}
  args:
    {{- if $stdout.argsOverride }}
    {{- toYaml $stdout.argsOverride | nindent 4 }}
    {{- else }}
    - --follow=name
    - --retry
    - --lines=+1
    - --quiet
    {{- range .Values.export.filenames }}
    - {{ printf "%s/%s" $.Values.exportDirectory . | quote }}
    {{- end }}
    {{- end }}
  {{- end }}
  {{- with $stdout.extraEnv }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if or $stdout.extraEnvFrom $stdout.envFromSecrets }}
  envFrom:
    {{- with $stdout.extraEnvFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- range $stdout.envFromSecrets }}
    - secretRef:
        name: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .Values.export.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- /* The log is readable by root alone. */ -}}
    {{- $own := dict "runAsUser" 0 "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true
          "capabilities" (dict "drop" (list "ALL")) "seccompProfile" (dict "type" "RuntimeDefault") }}
    {{- toYaml (mergeOverwrite $own .Values.export.securityContext) | nindent 4 }}
  volumeMounts:
    - name: export
      mountPath: {{ .Values.exportDirectory | quote }}
      readOnly: true
    {{- with $stdout.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
