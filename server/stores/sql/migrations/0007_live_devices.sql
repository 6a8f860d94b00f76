-- Devices that are not revoked: each message asks for those of all who hear it, and those that were
-- revoked stay for ever.
CREATE INDEX devices_live ON devices (user_id, device_id) WHERE revoked_ms IS NULL;
