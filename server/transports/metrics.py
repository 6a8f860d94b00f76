"""What operators can measure, for Prometheus. One registry a server, so that tests may run many."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_LATENCY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = Gauge(
            "hushwire_connections", "Socket.IO connections open now", registry=self.registry
        )
        self.sessions = Gauge("hushwire_sessions", "Live rooms", registry=self.registry)
        self.held_bytes = Gauge(
            "hushwire_held_bytes", "Messages and keys held for live rooms", registry=self.registry
        )
        self.messages = Counter(
            "hushwire_messages_total", "Messages accepted from clients", registry=self.registry
        )
        self.deliveries = Counter(
            "hushwire_deliveries_total",
            "Events written to clients",
            ["event"],
            registry=self.registry,
        )
        self.bytes = Counter(
            "hushwire_socket_bytes_total",
            "Bytes of Engine.IO packets, before framing",
            ["direction"],
            registry=self.registry,
        )
        self.event_seconds = Histogram(
            "hushwire_event_seconds",
            "Time from an event's arrival to its acknowledgement",
            ["event"],
            buckets=_LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.http_requests = Counter(
            "hushwire_http_requests_total",
            "HTTP requests by route and status",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.rejected = Counter(
            "hushwire_rejected_total",
            "Events, requests and connections refused",
            ["reason"],
            registry=self.registry,
        )
        self.reaped = Counter(
            "hushwire_reaped_total",
            "Idle rooms and lost members taken away",
            ["kind"],
            registry=self.registry,
        )
        self.loop_lag_seconds = Gauge(
            "hushwire_loop_lag_seconds",
            "How late the event loop ran its last timer",
            registry=self.registry,
        )
        # Looked up once: these two are counted for every packet.
        self.bytes_in = self.bytes.labels("in")
        self.bytes_out = self.bytes.labels("out")

    def exposition(self) -> tuple[bytes, str]:
        """The body and the content type of `/metrics`."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
