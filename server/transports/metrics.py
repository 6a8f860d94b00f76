"""What operators can measure, for Prometheus. One registry a server, so that tests may run many."""

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from server.core.errors import Code
from server.core.expired import Expired
from server.core.ports.queues import QueueStatistics
from server.transports.errors import CLOSE_CODE

_FIRST_OF_APPLICATIONS = 3000
"""Close codes from here on are not of the protocol (section 7.4.2 of RFC 6455)."""

_LATENCY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)


class Traffic(Collector):
    """What is counted for every packet: plain numbers, which one thread writes.

    The library's counters have a lock each and look their labels up each time, which takes
    longer than much of what they count.

    Attributes:
        bytes_in, bytes_out: Of Engine.IO packets, before framing, and of raw WebSockets. Of
            packets that only close a line or change its transport, the few bytes are left out.
        messages: Accepted from clients, by this process.
    """

    def __init__(self) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.messages = 0
        self._deliveries: defaultdict[str, int] = defaultdict(int)
        self._events: defaultdict[str, _Durations] = defaultdict(_Durations)

    def accepted(self) -> None:
        """Count a message of a client."""
        self.messages += 1

    def delivered(self, event: str, clients: int) -> None:
        """Count an event that was written to so many clients."""
        self._deliveries[event] += clients

    def handled(self, event: str, seconds: float) -> None:
        """Count an event of a client, and how long it took."""
        durations = self._events[event]
        durations.counts[bisect_left(_LATENCY_BUCKETS_S, seconds)] += 1
        durations.sum_s += seconds

    def collect(self) -> Iterator[Metric]:
        """For the library, at each scrape."""
        yield CounterMetricFamily(
            "hushwire_messages", "Messages accepted from clients", value=self.messages
        )
        deliveries = CounterMetricFamily(
            "hushwire_deliveries", "Events written to clients", labels=["event"]
        )
        for event, count in self._deliveries.items():
            deliveries.add_metric([event], count)
        yield deliveries
        size = CounterMetricFamily(
            "hushwire_socket_bytes",
            "Bytes of Engine.IO packets, before framing, and of raw WebSockets",
            labels=["direction"],
        )
        size.add_metric(["in"], self.bytes_in)
        size.add_metric(["out"], self.bytes_out)
        yield size
        seconds = HistogramMetricFamily(
            "hushwire_event_seconds",
            "Time from an event's arrival to its acknowledgement",
            labels=["event"],
        )
        for event, durations in self._events.items():
            seconds.add_metric([event], durations.buckets(), durations.sum_s)
        yield seconds


class _Durations:
    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_LATENCY_BUCKETS_S) + 1)
        self.sum_s = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds, and how many took so long at most."""
        bounds = [*map(floatToGoString, _LATENCY_BUCKETS_S), "+Inf"]
        return list(zip(bounds, itertools.accumulate(self.counts), strict=True))


class QueueGauges:
    """What waits in the queues of events, as it was within the last minute."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._queues = Gauge("hushwire_queues", "Queues that take events", registry=registry)
        self._lapsed = Gauge(
            "hushwire_lapsed_queues", "Queues of devices not seen for 14 days", registry=registry
        )
        self._waiting = Gauge(
            "hushwire_queued_events", "Places of queues not acknowledged", registry=registry
        )
        self._longest = Gauge(
            "hushwire_longest_queue_events", "Most that wait in one queue", registry=registry
        )
        self._oldest = Gauge(
            "hushwire_oldest_queued_event_timestamp_seconds",
            "When the oldest event that waits was sent; 0 if none does",
            registry=registry,
        )
        self._bytes = Gauge(
            "hushwire_queued_bytes", "Metadata and payloads that wait", registry=registry
        )

    def set(self, found: QueueStatistics) -> None:
        self._queues.set(found.queues)
        self._lapsed.set(found.lapsed)
        self._waiting.set(found.waiting)
        self._longest.set(max((one.waiting for one in found.longest), default=0))
        self._oldest.set((found.oldest_ms or 0) / 1000)
        self._bytes.set(found.bytes)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = Gauge(
            "hushwire_connections",
            "Connections of Socket.IO and raw WebSockets open now",
            registry=self.registry,
        )
        self.sessions = Gauge("hushwire_sessions", "Live rooms", registry=self.registry)
        self.held_bytes = Gauge(
            "hushwire_held_bytes", "Messages and keys held for live rooms", registry=self.registry
        )
        self.queues = QueueGauges(self.registry)
        self.raw_connections = Gauge(
            "hushwire_raw_connections", "Raw WebSockets open now", registry=self.registry
        )
        self._raw_closes = Counter(
            "hushwire_raw_closes_total",
            "Raw WebSockets that have closed, by close code",
            ["code"],
            registry=self.registry,
        )
        self.http_requests = Counter(
            "hushwire_http_requests_total",
            "HTTP requests by route and status",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._rejected = Counter(
            "hushwire_rejected_total",
            "Events, requests and connections refused",
            ["reason"],
            registry=self.registry,
        )
        self.forwarded = Counter(
            "hushwire_forwarded_total",
            "Connections handed over, and requests and WebSockets forwarded, to other processes",
            ["kind"],
            registry=self.registry,
        )
        self.reaped = Counter(
            "hushwire_reaped_total",
            "Idle rooms and lost members taken away",
            ["kind"],
            registry=self.registry,
        )
        self.recoveries = Counter(
            "hushwire_recoveries_total",
            "Clients that came back to be restored after a drop, by what became of it",
            ["outcome"],
            registry=self.registry,
        )
        self.loop_lag_seconds = Gauge(
            "hushwire_loop_lag_seconds",
            "How late the event loop ran its last timer",
            registry=self.registry,
        )
        self.traffic = Traffic()
        self.registry.register(self.traffic)

    def expired(self, expired: Expired) -> None:
        """Count what was taken away for being idle."""
        self.reaped.labels("sessions").inc(expired.rooms)
        self.reaped.labels("members").inc(expired.members)

    def refused(self, code: Code) -> None:
        """Count an event, a request or a connection that was refused or cut off."""
        self._rejected.labels(code.word).inc()

    def raw_closed(self, close_code: int) -> None:
        """Count the end of a raw WebSocket; what codes applications choose is all one."""
        is_ours = close_code < _FIRST_OF_APPLICATIONS or close_code in CLOSE_CODE.values()
        self._raw_closes.labels(close_code if is_ours else "other").inc()

    def malformed(self) -> None:
        """Count a packet that is not of its protocol."""
        self._rejected.labels("malformed_packet").inc()

    def exposition(self) -> tuple[bytes, str]:
        """The body and the content type of `/metrics`."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
