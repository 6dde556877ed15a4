{{/* A Service of metrics. `root`, `name`, `labels`, `selector`, `port`. */}}
{{- define "osmia.metricsService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}-metrics
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- if .root.Values.serviceLabelsOverride }}
    {{- toYaml .root.Values.serviceLabelsOverride | nindent 4 }}
    {{- else }}
    {{- .labels | nindent 4 }}
    {{- end }}
    {{- with .root.Values.serviceLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .root.Values.serviceAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  # Each Pod is scraped by itself.
  clusterIP: None
  selector:
    {{- .selector | nindent 4 }}
  ports:
    - name: metrics
      port: {{ .port }}
      targetPort: metrics
      protocol: TCP
{{- end }}

{{/* A ServiceMonitor for it. `monitor` holds its values, `serviceSelector` labels that the Service has. */}}
{{- define "osmia.serviceMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- if .monitor.labelsOverride }}
    {{- toYaml .monitor.labelsOverride | nindent 4 }}
    {{- else }}
    {{- .labels | nindent 4 }}
    {{- end }}
    {{- with .monitor.extraLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- if .root.Values.serviceLabelsOverride }}
      {{- toYaml .root.Values.serviceLabelsOverride | nindent 6 }}
      {{- else }}
      {{- .serviceSelector | nindent 6 }}
      {{- end }}
  namespaceSelector:
    matchNames:
      - {{ .root.Release.Namespace }}
  endpoints:
    - port: metrics
      path: /metrics
      interval: {{ .monitor.scrapeInterval }}
      honorLabels: true
      relabelings:
        - sourceLabels: [__meta_kubernetes_pod_node_name]
          targetLabel: node
{{- end }}
