//! Reads a model, message by message (onnx.proto3 of ONNX 1.19; the numbers are its fields').

use super::{
    Attribute, LARGEST, Node, Onnx, Port, Tensor,
    wire::{Fields, Held, WireError},
};

/// The most operations of a graph.
const NODES: usize = 4_096;
/// The most of anything else that has a name.
const NAMES: usize = 16_384;

/// Reads a model.
pub fn read(bytes: &[u8]) -> Result<Onnx, WireError> {
    if bytes.len() > LARGEST {
        return Err(WireError::TooLarge(LARGEST));
    }
    let mut onnx = Onnx::default();
    each(bytes, |field, held| {
        match field {
            7 => graph(held.bytes(), &mut onnx)?,
            14 => {
                let (key, value) = pair(held.bytes())?;
                onnx.metadata.insert(key, value);
                few("notes", onnx.metadata.len(), NAMES)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(onnx)
}

fn each<'a>(
    bytes: &'a [u8],
    mut field: impl FnMut(u64, Held<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut fields = Fields(bytes);
    while let Some((number, held)) = fields.next()? {
        field(number, held)?;
    }
    Ok(())
}

fn few(what: &'static str, count: usize, most: usize) -> Result<(), WireError> {
    if count > most { Err(WireError::TooMany { what, most }) } else { Ok(()) }
}

fn pair(bytes: &[u8]) -> Result<(String, String), WireError> {
    let (mut key, mut value) = (String::new(), String::new());
    each(bytes, |field, held| {
        match field {
            1 => key = held.text(),
            2 => value = held.text(),
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

fn graph(bytes: &[u8], onnx: &mut Onnx) -> Result<(), WireError> {
    each(bytes, |field, held| {
        match field {
            1 => {
                onnx.nodes.push(node(held.bytes())?);
                few("operations", onnx.nodes.len(), NODES)?;
            }
            5 => {
                let (name, tensor) = tensor(held.bytes())?;
                onnx.constants.insert(name, tensor);
                few("constants", onnx.constants.len(), NAMES)?;
            }
            11 => onnx.inputs.push(port(held.bytes())?),
            12 => onnx.outputs.push(port(held.bytes())?),
            _ => {}
        }
        few("inputs and outputs", onnx.inputs.len() + onnx.outputs.len(), NAMES)
    })
}

fn node(bytes: &[u8]) -> Result<Node, WireError> {
    let mut node = Node::default();
    each(bytes, |field, held| {
        match field {
            1 => node.inputs.push(held.text()),
            2 => node.outputs.push(held.text()),
            4 => node.operation = held.text(),
            5 => {
                let (name, attribute) = attribute(held.bytes())?;
                node.attributes.insert(name, attribute);
            }
            7 => node.domain = held.text(),
            _ => {}
        }
        let names = node.inputs.len() + node.outputs.len() + node.attributes.len();
        few("names at an operation", names, NAMES)
    })?;
    Ok(node)
}

fn attribute(bytes: &[u8]) -> Result<(String, Attribute), WireError> {
    let (mut name, mut attribute) = (String::new(), Attribute::default());
    each(bytes, |field, held| {
        match field {
            1 => name = held.text(),
            2 => {
                if let Held::Four(bytes) = held {
                    attribute.float = f32::from_le_bytes(bytes);
                }
            }
            3 => attribute.int = held.int(),
            4 => attribute.text = held.text(),
            5 | 6 | 10 | 11 | 14 | 22 => attribute.other = true,
            7 => held.floats(&mut attribute.floats),
            8 => held.ints(&mut attribute.ints)?,
            9 => attribute.texts.push(held.text()),
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, attribute))
}

fn tensor(bytes: &[u8]) -> Result<(String, Tensor), WireError> {
    let (mut name, mut kind, mut shape) = (String::new(), 0, Vec::new());
    let (mut floats, mut doubles, mut ints) = (Vec::new(), Vec::new(), Vec::new());
    let mut raw: &[u8] = &[];
    each(bytes, |field, held| {
        match field {
            1 => held.ints(&mut shape)?,
            2 => kind = held.int(),
            4 => held.floats(&mut floats),
            5 | 7 => held.ints(&mut ints)?,
            8 => name = held.text(),
            9 => raw = held.bytes(),
            10 => held.doubles(&mut doubles),
            _ => {}
        }
        Ok(())
    })?;
    let values = match kind {
        1 => {
            Held::Bytes(raw).floats(&mut floats);
            floats
        }
        6 => {
            let (numbers, _) = raw.as_chunks();
            ints.extend(numbers.iter().map(|it| i64::from(i32::from_le_bytes(*it))));
            ints.into_iter().map(about).collect()
        }
        7 => {
            let (numbers, _) = raw.as_chunks();
            ints.extend(numbers.iter().map(|it| i64::from_le_bytes(*it)));
            ints.into_iter().map(about).collect()
        }
        11 => {
            Held::Bytes(raw).doubles(&mut doubles);
            doubles.into_iter().map(narrow).collect()
        }
        // Names of classes and the like: they are not reckoned with.
        8 => Vec::new(),
        kind => return Err(WireError::Element { name, kind }),
    };
    let sides = shape.iter().try_fold(1_i64, |all, side| all.checked_mul(*side));
    let length = sides.and_then(|it| usize::try_from(it).ok());
    if kind != 8 && length != Some(values.len()) {
        return Err(WireError::Shape(name));
    }
    Ok((name, Tensor { shape, values }))
}

fn about(whole: i64) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "f32 it is")]
    let number = whole as f32;
    number
}

fn narrow(number: f64) -> f32 {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "f32 it is")]
    let number = number as f32;
    number
}

fn port(bytes: &[u8]) -> Result<Port, WireError> {
    let mut port = Port::default();
    each(bytes, |field, held| {
        match field {
            1 => port.name = held.text(),
            2 => each(held.bytes(), |field, held| {
                if field == 1 { element(held.bytes(), &mut port) } else { Ok(()) }
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(port)
}

fn element(bytes: &[u8], port: &mut Port) -> Result<(), WireError> {
    port.element = Some(0);
    each(bytes, |field, held| {
        match field {
            1 => port.element = Some(held.int()),
            2 => each(held.bytes(), |field, held| {
                if field == 1 {
                    port.shape.push(side(held.bytes())?);
                }
                few("sides of a shape", port.shape.len(), 16)
            })?,
            _ => {}
        }
        Ok(())
    })
}

fn side(bytes: &[u8]) -> Result<Option<i64>, WireError> {
    let mut side = None;
    each(bytes, |field, held| {
        if field == 1 {
            side = Some(held.int());
        }
        Ok(())
    })?;
    Ok(side)
}
