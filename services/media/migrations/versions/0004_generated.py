"""What storing a generated picture ends with, as one call."""

from alembic import op

revision = "0004"
down_revision = "0003"

# The lock first, and the looking with snapshots of their own after it: of two at once the second sees what the first
# has done. False leaves everything as it was: there is something else to do than to show a new blob.
ADD_GENERATED = """
CREATE FUNCTION add_generated(
    new_blob text, at_address text, new_image text, of_user text, with_details jsonb, with_key text, at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_user, 0));
    IF EXISTS (SELECT FROM images WHERE user_id = of_user AND source_key = with_key) OR EXISTS (
        SELECT FROM blobs JOIN blobs AS mine ON mine.id = new_blob
        WHERE blobs.user_id = of_user AND blobs.sha256 = mine.sha256 AND blobs.state = 'live' AND blobs.parent_id = ''
    ) THEN
        RETURN false;
    END IF;
    UPDATE blobs SET state = 'live', address = at_address WHERE id = new_blob AND state = 'pending';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO images (id, user_id, blob_id, type, details, source_key, created_at)
        VALUES (new_image, of_user, new_blob, 'generated', with_details, with_key, at);
    RETURN true;
END $$
"""


def upgrade() -> None:
    op.execute(ADD_GENERATED)
