/** Objects of operators whose types no package carries, as far as the chart makes them. */

interface Metadata {
  name: string
  namespace: string
  labels: Record<string, string>
  annotations?: Record<string, string>
}

type Quantities = Partial<Record<'cpu' | 'memory', string | number>>

/** @see https://github.com/kubernetes/autoscaler/blob/master/vertical-pod-autoscaler/docs/api.md */
export interface IVerticalPodAutoscaler {
  apiVersion: 'autoscaling.k8s.io/v1'
  kind: 'VerticalPodAutoscaler'
  metadata: Metadata
  spec: {
    targetRef: { apiVersion: string; kind: string; name: string }
    recommenders?: { name: string }[]
    resourcePolicy?: {
      containerPolicies?: {
        containerName?: string
        mode?: 'Auto' | 'Off'
        controlledResources?: ('cpu' | 'memory')[]
        controlledValues?: 'RequestsOnly' | 'RequestsAndLimits'
        maxAllowed?: Quantities
        minAllowed?: Quantities
      }[]
    }
    updatePolicy?: {
      minReplicas?: number
      updateMode?: 'Off' | 'Initial' | 'Recreate' | 'InPlaceOrRecreate' | 'Auto'
    }
  }
}

/** @see https://grafana.github.io/grafana-operator/docs/api/#grafanadashboard */
export interface IGrafanaDashboard {
  apiVersion: 'grafana.integreatly.org/v1beta1'
  kind: 'GrafanaDashboard'
  metadata: Metadata
  spec: {
    allowCrossNamespaceImport?: boolean
    folder?: string
    resyncPeriod?: string
    instanceSelector: { matchLabels?: Record<string, string> }
    json?: string
  }
}
