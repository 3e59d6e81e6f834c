"""CRC-32C, by Castagnoli's polynomial.

TensorBoard's files have it; the CRC-32 of zlib is another polynomial's. Method: one table
step a byte, RFC 3720 appendix B.4.
"""

from __future__ import annotations

__all__ = ["crc32c"]

POLYNOMIAL = 0x82F6_3B78  # 0x1EDC6F41, its bits turned round


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]


def crc32c(data: bytes) -> int:
    """Return the checksum."""
    crc, table = 0xFFFF_FFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFF_FFFF
