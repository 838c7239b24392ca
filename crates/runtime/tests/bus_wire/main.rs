//! The bytes of an envelope: golden ones, those of another language, and others that are none.
//!
//! `WRITE_GOLDEN=1 cargo test -p majordomo-runtime --test bus_wire` writes files that are missing.

mod golden;
mod python;

use golden::{bare, full, golden, lines, topic};
use majordomo_runtime::BusBounds;
use majordomo_runtime::bus::wire::{self, Error};
use majordomo_runtime::bus::{Body, Envelope, Header, Topic};
use serde::Serialize;
use std::sync::Arc;

#[test]
fn envelopes_are_the_bytes_they_have_always_been() {
    for (name, envelope) in golden::forms() {
        let bytes = golden(name, &envelope);
        assert_eq!(lines(&wire::encode(&envelope)), lines(&bytes), "{name}");
        let back = wire::decode(&bytes, &BusBounds::default()).expect("our own bytes");
        assert_eq!(back.header, envelope.header, "{name}");
        golden::is_what_it_was(name, back);
    }
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    #[derive(Serialize)]
    struct Later {
        #[serde(flatten)]
        header: Header,
        mood: Vec<&'static str>,
    }
    let header = rmp_serde::to_vec_named(&Later { header: bare().header, mood: vec!["fine"] });
    let header = header.expect("memory takes it");
    let mut bytes = b"MJ\x01".to_vec();
    bytes.extend_from_slice(&(header.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&header);
    bare().body.write(&mut bytes);
    let back = wire::decode(&bytes, &BusBounds::default()).expect("fields are known by name");
    assert_eq!(back.header, bare().header);
}

#[test]
fn what_is_no_envelope_is_refused_with_the_reason() {
    let bounds = BusBounds { body_max_bytes: 1_000, field_max_bytes: 64, ..BusBounds::default() };
    let good = wire::encode(&full());
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        wire::decode(&bytes, &bounds).map(|it| it.header).expect_err("it is none")
    };
    assert_eq!(with(&|it| it[0] = b'X'), Error::NotOurs);
    assert_eq!(with(&|it| it[2] = 0), Error::NotOurs);
    assert_eq!(with(&|it| it[2] = 9), Error::TooNew { found: 9 });
    assert_eq!(with(&|it| it[3] = 255), Error::HeaderTooLong { bytes: 0xff00_0000 + header_len() });
    assert_eq!(with(&|it| it.truncate(100)), Error::Cut);
    assert!(matches!(with(&|it| it[7] = 0xc1), Error::Header { .. }));
    let large = with(&|it| it.resize(it.len() + 1_000, 0)).to_string();
    assert!(large.contains("team.review.findings") && large.contains("1000 bytes"), "{large}");
    let mut long = full();
    long.header.sender = "x".repeat(65).into();
    let long = wire::decode(&wire::encode(&long), &bounds).map(|it| it.header);
    let long = long.expect_err("too long").to_string();
    assert!(long.contains("the sender of a message has 65 bytes"), "{long}");
}

fn header_len() -> usize {
    let bytes = wire::encode(&full());
    u32::from_be_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]) as usize
}

/// Cut, flipped, doubled, spliced and random bytes: an answer, in time, whatever they are.
#[test]
fn ten_thousand_malformed_inputs_are_answered() {
    let seeds = [wire::encode(&full()), wire::encode(&bare())];
    let mut dice = Dice(2_026);
    let (mut refused, mut unreadable) = (0, 0);
    for round in 0..10_000 {
        let mut bytes = seeds[round % 2].clone();
        for _ in 0..=dice.roll(4) {
            change(&mut bytes, &mut dice);
        }
        match wire::decode(&bytes, &BusBounds::default()) {
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
            Ok(envelope) => {
                let _ = envelope.body.to_json();
                let again = wire::encode(&envelope);
                let twice = wire::decode(&again, &BusBounds::default()).expect("it was one");
                assert_eq!(twice.header, envelope.header, "what is read is what is written");
                unreadable += usize::from(topic().read(Arc::new(envelope)).is_err());
            }
        }
    }
    assert!(refused > 2_000 && unreadable > 500, "too tame: {refused}, {unreadable}");
}

#[test]
fn deep_and_endless_bodies_are_refused() {
    let topic = Topic::<serde_json::Value>::new("a", 1).expect("a subject");
    let read = |bytes: Vec<u8>| {
        let body = Body::from_bytes(bytes);
        topic.read(Arc::new(Envelope::new(topic.subject().clone(), topic.schema().clone(), body)))
    };
    assert!(read(vec![0x91; 1 << 20]).is_err(), "a list in a list in a list");
    assert!(read(vec![0xdd, 0xff, 0xff, 0xff, 0xff]).is_err(), "a list of four billion");
    assert!(read(vec![0xc7, 1, 1, 1]).is_err(), "an extension: a type that the sender chose");
    assert!(read(vec![0xc0, 0xc0]).is_err(), "two values");
    assert!(read(Vec::new()).is_err(), "none");
}

fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.roll(bytes.len() as u64 + 1) as usize;
    let byte = dice.roll(256) as u8;
    match dice.roll(7) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, byte),
        2 => bytes.extend_from_within(at..),
        3 => drop(bytes.drain(at..(at + 5).min(bytes.len()))),
        4 => *bytes = (0..at).map(|_| dice.roll(256) as u8).collect(),
        _ => {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
    }
    bytes.truncate(4_096);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % below.max(1)
    }
}
